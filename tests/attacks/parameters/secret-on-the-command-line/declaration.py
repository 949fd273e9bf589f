token: Secret = secret("env:TOKEN")
