"""What was seen of a lab while it ran, held against its Prediction: the judgement is the same for a rehearsal and for a cluster."""
