"""Running: plan, supervisor, kernel, control socket. The kernel runs only what a `Permission` allowed."""
