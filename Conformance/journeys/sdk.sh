# Every call of openstacksdk's that is about identity, once, with what it answers.
exec python "$(dirname "$0")/identity_sdk.py"
