// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"strings"
	"sync"
)

// hosts is where the servers of a PKI listen, by FQDN.
type hosts struct {
	mu     sync.Mutex
	byName map[string]string
}

func (h *hosts) set(name, address string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byName == nil {
		h.byName = make(map[string]string)
	}
	h.byName[strings.ToLower(name)] = address
}

func (h *hosts) get(name string) (address string, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	address, ok = h.byName[strings.ToLower(name)]
	return address, ok
}
