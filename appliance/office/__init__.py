"""What is done for people: letters, answers, mail collected, moved in, tidied, handed over."""
