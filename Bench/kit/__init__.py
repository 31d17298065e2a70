"""What puts load on a cloud and reads what it cost."""
