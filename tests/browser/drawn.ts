import type { Page } from '@playwright/test';

/** The points of one series; a value is null where there is none. */
export interface Drawn {
  name: string;
  times: number[];
  values: Array<number | null>;
  notices: string[];
}

/** Reads what a panel draws, as Grafana's panel has it. */
export async function drawn(page: Page, panelId: number): Promise<Drawn[]> {
  return page.evaluate((id) => {
    interface Node {
      state?: { key?: string; data?: { series?: Frame[] }; $data?: Node } & Record<string, unknown>;
      forEachChild?: (visit: (child: Node) => void) => void;
    }
    interface Frame {
      fields: Array<{ type: string; name: string; labels?: Record<string, string>; values: ArrayLike<number | null> }>;
      meta?: { notices?: Array<{ text: string }> };
    }
    const root = (window as unknown as { __grafanaSceneContext?: Node }).__grafanaSceneContext;
    let found: Frame[] | undefined;
    const visit = (node: Node) => {
      if (node.state?.key === `panel-${id}`) {
        let provider = node.state.$data;
        while (provider && !provider.state?.data) {
          provider = provider.state?.$data;
        }
        found = provider?.state?.data?.series;
      }
      node.forEachChild?.(visit);
    };
    if (root) {
      visit(root);
    }
    return (found ?? []).flatMap((frame) => {
      const time = frame.fields.find((field) => field.type === 'time');
      return frame.fields
        .filter((field) => field.type === 'number')
        .map((field) => ({
          name: field.name + JSON.stringify(field.labels ?? {}),
          times: Array.from(time?.values ?? []) as number[],
          values: Array.from(field.values),
          notices: (frame.meta?.notices ?? []).map((notice) => notice.text),
        }));
    });
  }, panelId);
}
