"""Keyframes-GAN: compressed pictures made sharp with the help of a key frame."""
