/** The filters of the order list, as they stand in its address. */
export interface OrderFilters {
  site?: string;
  state?: string;
  customer?: string;
  search?: string;
  sort?: string;
  late?: string;
}
