"""The figures that the README quotes, re-runnable by anyone: ``make bench``. Nothing here is asserted by a test."""
