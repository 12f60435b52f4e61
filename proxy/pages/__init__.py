"""What every page of Gatepost's own shares, on any host: template, style sheet, protective header fields."""
