"""Search: trials that are chosen by what earlier ones gave, over hardware, compression, placement and architecture."""
