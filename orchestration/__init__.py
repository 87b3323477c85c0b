"""voicehouse: a customer-feedback warehouse."""
