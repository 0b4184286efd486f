import { type AnnotationQuery, type AnnotationSupport } from '@grafana/data';
import { AnnotationQueryEditor } from './components/AnnotationQueryEditor';
import { type TidemarkQuery } from './types';

/** What a new annotation marks: all that there is to know of a rollup. */
const DEFAULT_ANNOTATION = {
  queryType: 'annotations',
  kinds: ['corrections', 'redefinitions', 'restarts', 'unsealed'],
} satisfies Partial<TidemarkQuery>;

/** Marks on the time axes of a dashboard. The backend's answer has the field names that Grafana makes events of. */
export const annotationSupport: AnnotationSupport<TidemarkQuery> = {
  QueryEditor: AnnotationQueryEditor,
  getDefaultQuery: () => DEFAULT_ANNOTATION,
  prepareQuery: ({ target }: AnnotationQuery<TidemarkQuery>) => target && { ...DEFAULT_ANNOTATION, ...target },
};
