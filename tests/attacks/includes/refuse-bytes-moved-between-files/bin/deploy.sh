
echo deploying "$@"
