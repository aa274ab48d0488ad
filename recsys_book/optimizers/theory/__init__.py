"""What can be said of the rules before they run: small exact functions, checked by running them."""
