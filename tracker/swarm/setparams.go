package swarm

// Params returns the rules in force.
func (s *Swarms) Params() Params {
	s.shards[0].mu.Lock()
	defer s.shards[0].mu.Unlock()
	return s.p
}

// SetParams replaces the rules: every announce is judged wholly by the old ones or by the new ones.
// Marks, bills and reservations go on; demand is counted afresh if its resolution changed, because
// the numbers of old buckets mean other times then. It panics on parameters that Validate refuses.
func (s *Swarms) SetParams(p Params) {
	if err := p.Validate(); err != nil {
		panic("swarm: " + err.Error())
	}
	for i := range s.shards {
		s.shards[i].mu.Lock()
		defer s.shards[i].mu.Unlock()
	}
	s.p = p
}
