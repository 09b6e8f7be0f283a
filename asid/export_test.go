// SPDX-License-Identifier: Apache-2.0

package asid

// Systems returns what is known of each system of the registry, by its ASID.
func (m *Memory) Systems() map[ID]System {
	all := make(map[ID]System, m.size)
	for i := range m.systems.rows {
		if s := m.systems.rows[i].System; !s.ASID.IsZero() {
			s.assurances = nil // made anew for each registry
			all[s.ASID] = s
		}
	}
	return all
}
