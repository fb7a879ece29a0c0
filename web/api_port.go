package web

import (
	"fmt"
	"net/http"
	"net/netip"
)

// apiPort connects to the address that a node's request came from, and no other, to tell it whether peers
// reach it.
func (s *site) apiPort(w http.ResponseWriter, r *http.Request) error {
	node := *visitorOf(r).node
	// Whoever shares an address with others must not map their ports with many nodes of his.
	if !s.Dev && !(s.ports.allow(fmt.Sprint(node.ID), s.Now()) && s.portsAt.allow(s.network(r), s.Now())) {
		return errSlowDown
	}
	var in struct {
		Port uint16 `json:"port"`
	}
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if in.Port == 0 {
		return fail(http.StatusUnprocessableEntity, "port", "port must be the port that peers connect to, 1 to 65535.")
	}
	addr := s.ClientAddr(r).Unmap()
	reachable, reason := s.Serving.TestPort(r.Context(), node, netip.AddrPortFrom(addr, in.Port))
	return answer(w, http.StatusOK, map[string]any{"addr": addr, "reachable": reachable, "reason": reason})
}
