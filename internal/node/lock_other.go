//go:build !unix

package node

func (n *Node) lock() error { return nil }
