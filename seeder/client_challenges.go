package seeder

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/availability/challenge"
)

// Challenges asks what the server wants to see; without anything it answers after wait. again is the
// least pause before the next time.
func (c *Client) Challenges(ctx context.Context, wait time.Duration) (list []challenge.Challenge, again time.Duration, err error) {
	var a struct {
		Challenges List[challenge.Challenge] `json:"challenges"`
		Again      int64                     `json:"again_seconds"`
	}
	err = c.call(ctx, http.MethodGet, fmt.Sprintf("/api/v1/node/challenges?wait=%d", int(wait.Seconds())), nil, &a, true)
	return a.Challenges, time.Duration(min(max(a.Again, 0), int64(maxPollPause/time.Second))) * time.Second, err
}

// AnswerChallenge sends an answer as package challenge writes it, for as long as ctx allows, and
// returns what the server saw of it.
func (c *Client) AnswerChallenge(ctx context.Context, id int64, body []byte) (verdict string, err error) {
	patient := *c
	patient.http = &http.Client{Transport: c.http.Transport} // a slow line takes longer than apiTimeout
	var a struct {
		Verdict string `json:"verdict"`
	}
	err = patient.call(ctx, http.MethodPost, fmt.Sprintf("/api/v1/node/challenges/%d", id), body, &a, true)
	return a.Verdict, err
}

// Maintenance is what was declared, and what may still be in the present period.
type Maintenance struct {
	Declared      List[MaintenanceSpan] `json:"declared"`
	LeftSeconds   int64                 `json:"left_seconds"`
	MaxSeconds    int64                 `json:"max_seconds"`
	PeriodSeconds int64                 `json:"period_seconds"`
}

// MaintenanceSpan is a declared absence.
type MaintenanceSpan struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// DeclareMaintenance announces that the node will be away.
func (c *Client) DeclareMaintenance(ctx context.Context, span MaintenanceSpan) (m Maintenance, err error) {
	err = c.call(ctx, http.MethodPost, "/api/v1/node/maintenance", span, &m, true)
	return m, err
}

// Maintenance asks what was declared.
func (c *Client) Maintenance(ctx context.Context) (m Maintenance, err error) {
	err = c.call(ctx, http.MethodGet, "/api/v1/node/maintenance", nil, &m, true)
	return m, err
}
