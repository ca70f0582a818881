"""The embedded policy: plans without a language model, by sentence similarity to exemplars and slot filling."""
