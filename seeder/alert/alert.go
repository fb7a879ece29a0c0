// Package alert tells a node's operator what needs a person: failed audits, penalties, a suspension,
// a disk that runs full, data that went bad or missing, a server that cannot be reached, a node that
// earns nothing. It owns the decision what is told and when, and the delivery to a webhook.
//
// It promises to tell each thing once, to remind of what stands at most daily, to say when it is
// over, and never to write the webhook's address (a secret) into a log. The decision is a pure
// function of what was told before (State), the node's View and the time.
package alert

import (
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Kind is what an Alert is about.
type Kind string

// The kinds of alert.
const (
	Audit       Kind = "audit"       // an audit failed
	Penalty     Kind = "penalty"     // the ledger took something for a fault
	Suspension  Kind = "suspension"  // the node is suspended
	Disk        Kind = "disk"        // space runs low
	Data        Kind = "data"        // damaged, missing, or a folder that cannot be used
	Unreachable Kind = "unreachable" // the server, for longer than UnreachableAfter
	Idle        Kind = "idle"        // nothing was earned for longer than IdleAfter
)

// Phase is where in its life the thing is that an Alert tells of.
type Phase string

// The phases. What happens at one moment (an audit, a penalty) only begins.
const (
	Begun    Phase = "begun"
	Reminder Phase = "reminder" // it still stands
	Over     Phase = "over"
)

// Alert is one message.
type Alert struct {
	Kind   Kind      `json:"kind"`
	Phase  Phase     `json:"phase"`
	Text   string    `json:"text"` // a sentence or two for people, without control characters
	At     time.Time `json:"at"`
	Node   Node      `json:"node"`
	Detail []string  `json:"detail,omitempty"` // info-hashes, folders or pages that it is about; at most maxDetail
}

// Node is whose alert it is.
type Node struct {
	ID     bt.NodeID `json:"id"`
	Name   string    `json:"name"`
	Server string    `json:"server"`
}
