// Package factor owns what besides a password shows who somebody is: the codes of an authenticator
// (RFC 6238), recovery codes, and passkeys (WebAuthn level 3).
//
// It is made of rules: the time and randomness are arguments, and nothing is stored but, in memory,
// which challenges were used. That a code or a counter is used once is for whoever stores it to
// see to, in the transaction that takes it; the functions here say what to compare.
package factor
