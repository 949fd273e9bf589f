where = open('/etc/passwd').read()
