"""What others run, or what stands, as a manifest: pure, from what they say of it to text with comments."""
