package settle

import "net/netip"

// Cluster returns the network by which members are told apart, and which two who share it cannot
// hide: the public /24 or /48 that p lies in. The zero prefix says nothing.
func Cluster(p netip.Prefix) netip.Prefix { return network(p) }
