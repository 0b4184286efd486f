import { useLayoutEffect, useRef, useState } from 'react';

interface Draft {
  text: string;
  /** What was shown of the query when the text was taken over; absent while it is not. */
  taken?: string;
}

/** A text that is typed for a query: what is typed stays as it is until it is taken over, and then until the query is another one. */
export function useDraft(stored: string) {
  const [draft, setDraft] = useState<Draft>();
  const isKept = draft && (draft.taken === undefined || draft.taken === stored);
  const text = isKept ? draft.text : stored;
  const shown = useRef(text);

  useLayoutEffect(() => {
    shown.current = text;
  }, [text]);

  return {
    text,
    /** Monaco reports texts that it is given, too. */
    type: (typed: string) => {
      if (typed !== shown.current) {
        setDraft({ text: typed });
      }
    },
    take: (typed: string, next: string) => setDraft({ text: typed, taken: next }),
    discard: () => setDraft(undefined),
  };
}
