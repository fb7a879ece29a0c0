package web

import (
	"net/http"

	"github.com/swarmstake/swarmstake/store"
)

// receiptData is the receipt of one transfer.
type receiptData struct {
	store.Receipt
	Evidence, Parties []linkView
}

func (s *site) pageReceipt(_ http.ResponseWriter, r *http.Request) (*view, error) {
	x, err := s.receipt(r)
	if err != nil {
		return nil, err
	}
	d := receiptData{Receipt: x}
	if d.Evidence, err = s.links(r, x.Evidence); err != nil {
		return nil, err
	}
	if d.Parties, err = s.links(r, x.Parties); err != nil {
		return nil, err
	}
	return &view{name: "receipt", title: "Receipt", data: d}, nil
}

func (s *site) pageExport(w http.ResponseWriter, r *http.Request) (*view, error) {
	return nil, s.export(w, r)
}
