"""From a generation request to the stages that make its rows."""
