package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

// CorrectLedger asks for a correction: a transfer that moves back what was moved wrongly.
type CorrectLedger struct {
	Asset    tokens.Asset
	From, To tokens.Account
	Amount   tokens.Amount
	Reason   string
	Key      string // empty: the same correction is made once
}

// CorrectedLedger is what `admin correct` prints.
type CorrectedLedger struct {
	Transfer string `json:"transfer"`
	Row      int64  `json:"row"`
	Done     string `json:"done"` // "corrected", or "corrected before"
}

// AdministerCorrection carries out req as Administer does.
func AdministerCorrection(ctx context.Context, conf Config, req CorrectLedger) (json.RawMessage, error) {
	return administer(ctx, conf, "/ledger/correct", req, func(ctx context.Context, st *store.Store) (any, error) {
		return correctLedger(ctx, st, req)
	})
}

// serveLedger answers AdministerCorrection.
func (a *adminServer) serveLedger(st *store.Store) {
	command(a, "/ledger/correct", func(ctx context.Context, req CorrectLedger) (CorrectedLedger, error) {
		out, err := correctLedger(ctx, st, req)
		if err == nil {
			a.log.Info("ledger corrected by an administrative command", "transfer", out.Transfer, "row", out.Row, "done", out.Done)
		}
		return out, err
	})
}

func correctLedger(ctx context.Context, st *store.Store, req CorrectLedger) (CorrectedLedger, error) {
	done, err := st.Correct(ctx, store.Correction{Asset: req.Asset, From: req.From, To: req.To, Amount: req.Amount, Reason: req.Reason, Key: req.Key})
	if errors.Is(err, tokens.ErrConflict) {
		return CorrectedLedger{}, fmt.Errorf("the key %q was used for another correction (%s): choose another --key", req.Key, done.Transfer)
	}
	if err != nil {
		return CorrectedLedger{}, err
	}
	out := CorrectedLedger{Transfer: done.Transfer, Row: done.Row, Done: "corrected"}
	if !done.New {
		out.Done = "corrected before"
	}
	return out, nil
}
