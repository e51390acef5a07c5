"""The surface of mixtures: merged models as a stand-in for trained ones, and whether they may be believed."""
