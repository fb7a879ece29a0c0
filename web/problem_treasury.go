package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

var errParametersFixed = fail(http.StatusConflict, "parameters_fixed", "This server takes its parameters from its configuration only.")

// treasuryProblem explains why operators cannot do something with money or its rules.
func treasuryProblem(err error) *problem {
	switch {
	case errors.Is(err, store.ErrParameter):
		return fail(http.StatusUnprocessableEntity, "parameter", "%s.", sentence(err))
	case errors.Is(err, store.ErrCorrection):
		return fail(http.StatusUnprocessableEntity, "correction", "%s.", sentence(err))
	case errors.Is(err, store.ErrSecond):
		return fail(http.StatusForbidden, "second_operator", "It takes a second operator: another than the one who proposed it.")
	case errors.Is(err, store.ErrProposer):
		return fail(http.StatusForbidden, "proposer", "Only who proposed a correction takes it back, and only as an operator; others refuse it, or propose another.")
	case errors.Is(err, store.ErrCorrectionOver):
		return fail(http.StatusConflict, "correction_over", "This correction does not wait any more: it was decided, withdrawn, or is too old.")
	case errors.Is(err, tokens.ErrConflict):
		return fail(http.StatusConflict, "transfer_conflict", "The ledger has another transfer with the id that this one would get; propose it again.")
	case errors.Is(err, tokens.ErrInvalid):
		return fail(http.StatusUnprocessableEntity, "correction", "Such a transfer cannot be: two accounts, an amount above 0, and a reason of at most %d bytes.", tokens.MaxRef)
	}
	return nil
}

// sentence is an error's text with a capital at its beginning.
func sentence(err error) string {
	text := strings.TrimRight(err.Error(), ".")
	return strings.ToUpper(text[:1]) + text[1:]
}
