package web

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/availability/challenge"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/swarmstake/swarmstake/web/openapi"
)

const (
	// maxWait bounds a long poll; it leaves the server's writing time some seconds.
	maxWait = 15 * time.Second
	// pollAgain and pollIdle are the pauses between two polls, of those that wait and those that do
	// not.
	pollAgain, pollIdle = time.Second, 10 * time.Second

	answerPath = "/api/v1/node/challenges/"
	// maxAnswer is above the most that a challenge can ask for, with hashes. How much of it is read
	// depends on what was asked for.
	maxAnswer = int64(challenge.MaxBytes) + 64<<20
	// answerSlack is what a connection has beyond the time for the largest piece. Only who owes an answer
	// has its body read.
	answerSlack = 10 * time.Second
)

// Maintenance is what a node declared, and what it still may in the present period.
type Maintenance struct {
	Declared      []MaintenanceSpan `json:"declared"`
	LeftSeconds   int64             `json:"left_seconds" doc:"that may still be declared in the period"`
	MaxSeconds    int64             `json:"max_seconds" doc:"that may be declared in a period"`
	PeriodSeconds int64             `json:"period_seconds"`
}

// MaintenanceSpan is a declared absence.
type MaintenanceSpan struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// challengesView is what a node is to prove.
type challengesView struct {
	Challenges   []challenge.Challenge `json:"challenges"`
	AgainSeconds int                   `json:"again_seconds" doc:"the pause before the next poll"`
}

// challengesSchema describes challengesView: package challenge writes its own JSON.
func challengesSchema() openapi.Schema {
	item := openapi.Object(openapi.Need("piece", openapi.Whole("", 0, maxID)), openapi.Need("block", openapi.Whole("of 16 KiB, within the piece", 0, maxID)),
		openapi.May("whole", openapi.Bool("the whole piece: no block of it can be checked alone")))
	one := openapi.Object(openapi.Need("id", openapi.Whole("", 1, maxID)), openapi.Need("nonce", openapi.Text("hexadecimal")), openapi.Need("node", openapi.Whole("", 1, math.MaxUint32)),
		openapi.Need("infohash", infoHashSchema()), openapi.Need("epoch", openapi.Whole("", 0, maxID)), openapi.Need("time_ms", openapi.Whole("for the answer, from its delivery", 0, maxID)),
		openapi.Need("deadline", openapi.Time("of the answer")), openapi.Need("bytes", openapi.Whole("of a full answer", 0, maxID)), openapi.Need("items", openapi.List(item)))
	return openapi.Object(openapi.Need("challenges", openapi.List(one)), openapi.Need("again_seconds", openapi.Whole("the pause before the next poll", 0, maxID)))
}

// verdictView is what became of an answer.
type verdictView struct {
	Verdict string `json:"verdict"`
}

// apiChallenges delivers challenges; wait=SECONDS holds the answer back until there is one.
func (s *site) apiChallenges(w http.ResponseWriter, r *http.Request) error {
	wait, err := waitOf(r)
	if err != nil {
		return err
	}
	list, err := s.Hosting.Challenges(r.Context(), *visitorOf(r).node, wait)
	if err != nil {
		return err
	}
	if list == nil {
		list = []challenge.Challenge{}
	}
	again := pollIdle
	if wait > 0 || len(list) > 0 {
		again = pollAgain
	}
	return answer(w, http.StatusOK, challengesView{list, int(again.Seconds())})
}

func waitOf(r *http.Request) (time.Duration, error) {
	text := r.URL.Query().Get("wait")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || time.Duration(n)*time.Second > maxWait {
		return 0, fail(http.StatusBadRequest, "wait", "wait must be a number of seconds from 0 to %d.", int(maxWait.Seconds()))
	}
	return time.Duration(n) * time.Second, nil
}

// apiAnswerChallenge takes an answer in the form of package challenge. It may be large and the line
// slow: its deadline is the challenge's, not the server's usual one.
func (s *site) apiAnswerChallenge(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	if err != nil {
		return store.ErrNotFound
	}
	conn := http.NewResponseController(w)
	end := time.Now().Add(challenge.TimeFor(s.Rules().Availability.ChallengeTime, catalog.MaxPieceLength)) // of the connection: real time
	_ = errors.Join(conn.SetReadDeadline(end), conn.SetWriteDeadline(end.Add(answerSlack)))                // where not supported, the usual ones hold
	verdict, err := s.Hosting.AnswerChallenge(r.Context(), *visitorOf(r).node, id, r.Body)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, verdictView{verdict})
}

// challengeProblem explains why an answer does not count, or maintenance cannot be declared.
func challengeProblem(err error) *problem {
	switch {
	case errors.Is(err, challenge.ErrUnknown):
		return fail(http.StatusNotFound, "challenge_unknown", "There is no such challenge; it may be long over. Ask for new ones.")
	case errors.Is(err, challenge.ErrForeign):
		return fail(http.StatusForbidden, "challenge_foreign", "This challenge is for another node.")
	case errors.Is(err, challenge.ErrUsed):
		return fail(http.StatusConflict, "challenge_used", "This challenge was answered already; each counts once.")
	case errors.Is(err, challenge.ErrLate):
		return fail(http.StatusGone, "challenge_late", "The time to answer this challenge is over.")
	case errors.Is(err, challenge.ErrOther):
		return fail(http.StatusUnprocessableEntity, "challenge_other", "The answer's nonce, node, epoch or info-hash is not the challenge's.")
	case errors.Is(err, challenge.ErrTruncated):
		return fail(http.StatusUnprocessableEntity, "answer_truncated", "The answer is cut off; send it again as long as there is time.")
	case errors.Is(err, challenge.ErrForm):
		return fail(http.StatusUnprocessableEntity, "answer_form", "The body is no answer: status, bytes and hashes of each item in order, and nothing after them.")
	}
	for _, span := range []error{availability.ErrSpanEmpty, availability.ErrSpanPast, availability.ErrSpanFar, availability.ErrSpanOverlap, availability.ErrSpanLong} {
		if errors.Is(err, span) {
			return fail(http.StatusUnprocessableEntity, "maintenance", "This cannot be declared: %v.", err)
		}
	}
	return nil
}

func (s *site) apiMaintenance(w http.ResponseWriter, r *http.Request) error {
	m, err := s.Hosting.Maintenance(r.Context(), *visitorOf(r).node)
	return answerMaintenance(w, http.StatusOK, m, err)
}

func (s *site) apiDeclareMaintenance(w http.ResponseWriter, r *http.Request) error {
	var in MaintenanceSpan
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if in.From.IsZero() || !in.Until.After(in.From) {
		return fail(http.StatusUnprocessableEntity, "maintenance", "from and until must be times (RFC 3339), until after from.")
	}
	m, err := s.Hosting.DeclareMaintenance(r.Context(), *visitorOf(r).node, in.From, in.Until)
	return answerMaintenance(w, http.StatusCreated, m, err)
}

func answerMaintenance(w http.ResponseWriter, status int, m Maintenance, err error) error {
	if err != nil {
		return err
	}
	if m.Declared == nil {
		m.Declared = []MaintenanceSpan{}
	}
	return answer(w, status, m)
}
