package web

import (
	"fmt"
	"net/http"
	"net/netip"
)

// portBody is the port that peers connect to.
type portBody struct {
	Port uint16 `json:"port"`
}

// portView says whether peers reach a node.
type portView struct {
	Addr      netip.Addr `json:"addr" doc:"from which it asked"`
	Reachable bool       `json:"reachable"`
	Reason    string     `json:"reason" doc:"why not; empty: it is"`
}

// apiPort connects to the address that a node's request came from, and no other, to tell it whether peers
// reach it.
func (s *site) apiPort(w http.ResponseWriter, r *http.Request) error {
	node := *visitorOf(r).node
	// Whoever shares an address with others must not map their ports with many nodes of his.
	if err := s.limit(s.ports, fmt.Sprint(node.ID)); err != nil {
		return err
	}
	if err := s.limit(s.portsAt, s.network(r)); err != nil {
		return err
	}
	var in portBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if in.Port == 0 {
		return fail(http.StatusUnprocessableEntity, "port", "port must be the port that peers connect to, 1 to 65535.")
	}
	addr := s.ClientAddr(r).Unmap()
	reachable, reason := s.Serving.TestPort(r.Context(), node, netip.AddrPortFrom(addr, in.Port))
	return answer(w, http.StatusOK, portView{addr, reachable, reason})
}
