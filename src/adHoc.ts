import { type AdHocVariableFilter } from '@grafana/data';
import { type Filter, type FilterOperator } from './types';

/** The dashboard's ad hoc filters as filters of a query. An operator that a filter lacks, such as `<`, is for the backend to refuse. */
export function toFilters(adHoc: AdHocVariableFilter[]): Filter[] {
  return adHoc
    .filter(({ key }) => key !== '')
    .map(({ key, operator, value, values }) => {
      const isOfSeveral = operator.endsWith('|');
      return {
        dimension: key,
        op: (isOfSeveral ? operator.slice(0, -1) : operator) as FilterOperator,
        values: isOfSeveral && values?.length ? values : [value],
      };
    });
}
