"""What people do with alerts: write, try, save and follow them."""
