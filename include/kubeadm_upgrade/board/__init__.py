"""What people look at while clusters are upgraded: pure functions of what runs have written down."""
