"""What SoftHebb's parts are worth: each layer, both schedules, and networks that lack a part."""
