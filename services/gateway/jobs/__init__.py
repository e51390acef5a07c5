"""Jobs as the gateway sees them: submitted, listed, listened to, cancelled."""
