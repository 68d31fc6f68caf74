"""What no predictor can beat: the generated sets as processes whose best prediction is computed."""
