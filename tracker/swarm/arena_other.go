//go:build !unix

package swarm

func block(n int) []byte { return make([]byte, n) }
