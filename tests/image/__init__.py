"""The card image, booted in QEMU; run by ./build.sh test-image, never by the usual test run."""
