package availability

import "github.com/swarmstake/swarmstake/tokens"

// Score is a beta reputation that forgets [Storj, ECONOMY §7]: α and β in millionths, so that every
// machine computes the same. Rounding is down on both.
type Score struct {
	Alpha, Beta int64
}

// NewScore is the score of somebody unknown.
func NewScore(p Params) Score { return Score{Alpha: int64(p.ScoreStart) * million} }

// Success returns α' = λα + 1, β' = λβ.
func (s Score) Success(p Params) Score {
	s = s.fade(p)
	s.Alpha += million
	return s
}

// Failure returns α' = λα, β' = λβ + 1.
func (s Score) Failure(p Params) Score {
	s = s.fade(p)
	s.Beta += million
	return s
}

// PPM returns α/(α+β) in parts per million, 0 for the zero Score.
func (s Score) PPM() int64 {
	if s.Alpha+s.Beta == 0 {
		return 0
	}
	return tokens.MulDiv(s.Alpha, million, s.Alpha+s.Beta)
}

func (s Score) fade(p Params) Score {
	return Score{
		Alpha: tokens.MulDiv(s.Alpha, p.ScoreLambdaPPM, million),
		Beta:  tokens.MulDiv(s.Beta, p.ScoreLambdaPPM, million),
	}
}

func (s Score) after(p Params, c Change) Score {
	switch c {
	case Better:
		return s.Success(p)
	case Worse:
		return s.Failure(p)
	}
	return s
}
