"""The use cases: what can be asked of the appliance, whatever the protocol."""
