"""Pictures for small displays: `face` draws an emotion, `screen` puts it together with words, `devices` shows it."""
