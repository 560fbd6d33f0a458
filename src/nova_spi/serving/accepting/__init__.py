"""What comes in with a call, checked at the door: values, files, and who looks into them."""
