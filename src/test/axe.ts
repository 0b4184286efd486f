import axe from 'axe-core';

/** The button in the fields of several choices of @grafana/ui, which has attributes of a button and not the role. */
const NOT_OURS = 'div[id$="-toggle-button"]';

/** What axe finds wrong with what is shown, a line for each rule. Contrast is for a browser, since jsdom draws nothing, and landmarks are for the page around. */
export async function axeFaults(): Promise<string[]> {
  const rules = Object.fromEntries(['color-contrast', 'region'].map((rule) => [rule, { enabled: false }]));
  const { violations } = await axe.run({ include: document.body, exclude: NOT_OURS }, { rules });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
