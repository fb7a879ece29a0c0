package swarm

// Census counts the sessions that are in swarms.
type Census struct {
	Seeders, Leechers Reach
}

// Reach counts sessions by the protocols over which they announced an address.
type Reach struct {
	IPv4, IPv6, Both int
}

func (r *Reach) add(p *peer) {
	switch {
	case !p.is(stateHas6):
		r.IPv4++
	case p.port4() != 0:
		r.Both++
	default:
		r.IPv6++
	}
}

// Census looks at every session, one shard at a time, so that announces are never held up for long.
func (s *Swarms) Census() (c Census) {
	for i := range s.shards {
		s.shards[i].census(&c)
	}
	return c
}

func (sh *shard) census(c *Census) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for rec := uint32(1); rec < sh.peers.used; rec++ {
		p := sh.peers.at(rec)
		switch class := p.class(); {
		case class == notListed:
		case class <= classNew:
			c.Seeders.add(p)
		default:
			c.Leechers.add(p)
		}
	}
}
