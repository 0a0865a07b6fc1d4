// The dashboard of the edge.
