"""Who may run it. Pure: statement, sshsig, signers, policy, decision. Edges: signing (ssh-keygen), trust."""
