"""Rules, one file each: what is wrong or unwise in a lab that can be read."""
