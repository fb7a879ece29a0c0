package rail

import (
	"errors"
	"fmt"
	"strings"
)

// Code is a voucher's code in the form in which it is printed: four groups of five characters of
// Crockford's base32, such as 7K3QX-0M9TD-WZ41R-GB6HN. 18 characters are random (90 bits), the last
// two make the whole number divisible by 1021, a prime: one wrong character, or two neighbours
// exchanged, are always noticed.
type Code string

const (
	alphabet  = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeChars = 20
	groupSize = 5
	checkMod  = 1021 // the largest prime of two characters
	checkBits = 10
)

// RandomBytes is how many random bytes NewCode takes.
const RandomBytes = 12

// NewCode makes the code of random bytes.
func NewCode(random [RandomBytes]byte) Code {
	digits := make([]int, 0, codeChars)
	bits, have := 0, 0
	sum := 0
	for _, b := range random {
		bits, have = bits<<8|int(b), have+8
		for have >= 5 && len(digits) < codeChars-2 {
			have -= 5
			digits = append(digits, bits>>have&31)
			sum = (sum<<5 | bits>>have&31) % checkMod
		}
		bits &= 1<<have - 1
	}
	check := (checkMod - sum<<checkBits%checkMod) % checkMod
	return format(append(digits, check>>5, check&31))
}

func format(digits []int) Code {
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && i%groupSize == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[d])
	}
	return Code(b.String())
}

// ParseCode reads what a person types: letters of either case, O for 0, I and L for 1, blanks and
// dashes anywhere. The error is of kind ErrVoucher with the reason Mistyped.
func ParseCode(text string) (Code, error) {
	digits := make([]int, 0, codeChars)
	sum := 0
	for _, c := range strings.ToUpper(text) {
		if c == '-' || c == ' ' {
			continue
		}
		d := strings.IndexRune(alphabet, lookalike(c))
		if d < 0 || len(digits) == codeChars {
			return "", &VoucherError{Mistyped}
		}
		digits = append(digits, d)
		sum = (sum<<5 | d) % checkMod
	}
	if len(digits) < codeChars || sum != 0 {
		return "", &VoucherError{Mistyped}
	}
	return format(digits), nil
}

func lookalike(c rune) rune {
	switch c {
	case 'O':
		return '0'
	case 'I', 'L':
		return '1'
	}
	return c
}

// ErrVoucher: a voucher that brings nothing. VoucherError says why.
var ErrVoucher = errors.New("the voucher is not valid")

// Reason says why a voucher brings nothing.
type Reason string

// The reasons.
const (
	Mistyped Reason = "mistyped" // it is no code of a voucher: a character is wrong or missing
	Unknown  Reason = "unknown"  // no voucher of this installation has it
	Used     Reason = "used"
	Revoked  Reason = "revoked"
	Expired  Reason = "expired"
)

// VoucherError is ErrVoucher with its reason.
type VoucherError struct{ Reason Reason }

func (e *VoucherError) Error() string {
	switch e.Reason {
	case Mistyped:
		return "the voucher's code is mistyped: it has four groups of five letters and digits"
	case Unknown:
		return "there is no voucher with this code here: it may be of another site"
	case Used:
		return "the voucher was used already"
	}
	return fmt.Sprintf("the voucher is %s", e.Reason)
}

func (e *VoucherError) Unwrap() error { return ErrVoucher }
